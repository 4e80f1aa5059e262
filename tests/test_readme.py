"""README's Python example, as it stands, in an empty folder."""

import re
import subprocess
import sys
from pathlib import Path

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


def test_the_python_example_runs(tmp_path):
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len([line for line in example.splitlines() if line.strip()]) <= 15
    done = subprocess.run([sys.executable, "-c", example], capture_output=True, text=True, cwd=tmp_path, timeout=180)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "cpu-xnnpack pass" in done.stdout and "cpu-reference pass" in done.stdout
    assert re.search(r"gpu (pass|not run)", done.stdout)
    assert [path.name for path in tmp_path.iterdir()] == ["digits-int8.tflite"]


def test_every_relative_link_leads_somewhere():
    root = Path(__file__).parent.parent
    links = [link for link in re.findall(r"\]\(([^)]+)\)", README) if "://" not in link]
    assert links and all((root / link).exists() for link in links)
