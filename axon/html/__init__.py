"""What is shown as HTML, in notebooks and in reports: tables, facts, and charts that are SVG.

Made of text alone: neither NumPy nor matplotlib is needed, and nothing is fetched.
"""
