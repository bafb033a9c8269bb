// A choice of versions in the side bar. The list, [{"name": "1.0", "url": "/1.0/"}, ...], is the file
// that AXON_DOCS_VERSIONS named when the site was built; where it cannot be had nothing is shown.
const script = document.currentScript;
fetch(script.dataset.versions)
  .then((answer) => (answer.ok ? answer.json() : []))
  .catch(() => [])
  .then((versions) => {
    const place = document.querySelector(".sidebar-brand");
    if (!versions.length || !place) return;
    const choice = document.createElement("select");
    choice.className = "versions";
    choice.setAttribute("aria-label", "Version of the documentation");
    for (const { name, url } of versions) choice.add(new Option(name, url));
    choice.value = versions.find(({ name }) => name === script.dataset.current)?.url ?? "";
    choice.onchange = () => location.assign(choice.value);
    place.after(choice);
  });
