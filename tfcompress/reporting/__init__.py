"""What a run came to, as a page to look at: report.html, one file that needs no network.

- details.py: what is measured for it after the run, which stands in report.json under "details".
- finishing.py: all reports of a run written, the page among them.
- page/: the page, section by section; assets/: its style, its script, and the library that draws.
"""
