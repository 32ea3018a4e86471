"""The web app as Lighthouse sees it: the median of three looks each as a phone on a slow network and as a desk."""

import json
import pathlib
import subprocess

FOLDER = pathlib.Path(__file__).resolve().parent / "node"
PAGES = ["/app/", "/app/events"]


def install():
    subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], cwd=FOLDER, check=True, stdout=subprocess.DEVNULL)


def measure(stack):
    """Cells of a table."""
    event = stack.anonymous.get("/events", params={"limit": 1, "active": "true"}).json()["events"][0]["id"]
    cells = [("page", "form", "performance", "accessibility", "best practices", "FCP ms", "LCP ms", "TBT ms", "script KiB", "requests", "failed")]
    for page in [*PAGES, f"/app/events/{event}"]:
        command = ["node", "lighthouse.js", stack.base_url + page]
        for row in json.loads(subprocess.run(command, cwd=FOLDER, check=True, stdout=subprocess.PIPE, text=True).stdout):
            figures = [row[key] for key in ("performance", "accessibility", "best-practices", "fcp_ms", "lcp_ms", "tbt_ms", "script_kib", "requests")]
            cells.append((page.replace(str(event), "…"), row["form"], *map(str, figures), ", ".join(row["failed"])))
    return cells
