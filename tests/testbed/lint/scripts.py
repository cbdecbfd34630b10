"""Usage: scripts.py FOLDER FILE…

Writes each `run` script of workflows and composite actions to a file of its own in FOLDER, for ShellCheck, and prints
those files' names. Whatever is not run by bash, the runner's default on Linux, is refused: nothing here would check it.
"""

import sys
from pathlib import Path

from ruamel.yaml import YAML


def main() -> int:
    folder = Path(sys.argv[1])
    for file in sys.argv[2:]:
        document = YAML(typ="safe").load(Path(file))
        steps = [step for job in document.get("jobs", {}).values() for step in job.get("steps", [])]
        steps += document.get("runs", {}).get("steps", [])
        for number, step in enumerate(step for step in steps if "run" in step):
            if step.get("shell", "bash") != "bash":
                print(f"{file}: a script for {step['shell']}, not bash", file=sys.stderr)
                return 1
            script = folder / f"{file.strip('./').replace('/', '.')}.{number}.sh"
            # The runner's default is `bash -e`.
            script.write_text(f"# shellcheck shell=bash\n# {step.get('name')}\nset -e\n{step['run']}")
            print(script)
    return 0


if __name__ == "__main__":
    sys.exit(main())
