"""Examples that stand below the help of each command; a test reads and parses all of them.

In double quotes, which every shell knows: single ones are letters to Windows's.
"""

import click

EXAMPLES: dict[str, list[str]] = {
    "train": [
        "axon train data.csv --target price --save net.axon",
        "axon train data.csv --target price --effort best --time-limit 10min",
        "axon train data.csv --test new.csv --class-weight balanced",
        "axon train digits --model cnn --augment shift,zoom --schedule cosine",
        "axon train photos --image-size 64 --epochs 50 --save net.axon",
        "axon train data.csv --hidden 64,32 --dropout 0.2 --weight-decay 1e-3",
        "axon train mnist --backup runs/one --report run.html",
        "axon train --config best.toml",
    ],
    "tune": [
        "axon tune digits --trials 100 --save net.axon",
        "axon tune data.csv --target price --time-limit 30min",
        "axon tune data.csv --target price --effort fast --storage sqlite:///study.db",
        "axon tune data.csv --hidden 64,64 --epochs 20",
    ],
    "resume": ["axon resume runs/one"],
    "evaluate": [
        "axon evaluate net.axon new.csv --report test.html",
        "axon evaluate net.axon data.csv --held-out --json",
    ],
    "predict": [
        "axon predict net.axon new.csv --id customer --output guesses.csv",
        "axon predict net.axon test.csv --submission --output submission.csv",
        "axon predict net.axon photos --top 3 --format jsonl",
        "axon predict net.axon - < new.csv",
    ],
    "serve": [
        "axon serve net.axon",
        "axon serve net.axon --host 0.0.0.0 --port 80 --workers 4",
        "axon serve net.axon --max-bytes 2MB --max-rows 1_000 --timeout 5s",
    ],
    "explain": ["axon explain net.axon new.csv --top 3"],
    "compare": [
        "axon compare data.csv --target price --folds 5",
        "axon compare data.csv --target price --quantiles 0.1,0.5,0.9",
    ],
    "compare-runs": [
        "axon compare-runs a.html b.html",
        "axon compare-runs runs/one runs/two --html both.html",
    ],
    "export": [
        "axon export net.axon --onnx net.onnx",
        "axon export net.axon --weights net.safetensors",
    ],
    "convert": ["axon convert net.safetensors net.npz"],
    "info": ["axon info", "axon info net.axon", "axon info data.csv"],
    "summary": ["axon summary net.axon"],
    "devices": ["axon devices"],
    "warmup": ["axon warmup", "axon warmup net.axon"],
    "play": [
        "axon play",
        "axon play flowers.csv --x petal_length --y petal_width --target species",
    ],
    "completion": [
        "axon completion bash",
        "axon completion zsh",
    ],
}


def with_examples(command: click.Command) -> click.Command:
    """The command, whose help ends with examples if there are any."""
    lines = EXAMPLES.get(str(command.name), [])
    if lines:
        command.epilog = "\n".join(["\b", "Examples:", *(f"  {line}" for line in lines)])
    return command
