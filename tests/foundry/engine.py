"""The real engine of Foundry Local on this machine's processor: two random models, a catalog of them, and its own web service.

    python -m tests.foundry.engine FOLDER

Run it by a Python that has ``foundry-local-sdk``, ``onnx`` and ``tokenizers``; it prints the address and serves until its input
ends. The catalog takes the place of Microsoft's service, on loopback: it answers every question with the same two models,
whose files are in the folder of downloads. Telemetry is switched off, but the engine still attempts it.
"""

from __future__ import annotations

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ALIASES = ("tiny", "other")
_PUBLISHER = "tests"
_CATALOG = "/asset-gallery/v1.0/models"


def entry(alias: str) -> dict[str, object]:
    """What a catalog says of a model: only what the engine reads of it."""
    name = f"{alias}-random"
    asset = f"azureml://registries/private/models/{name}/versions/1"
    variant = {
        "parents": [{"assetId": f"azureml://registries/private/models/{alias}/versions/1"}],
        "variantMetadata": {"modelType": "ONNX", "device": "cpu", "executionProvider": "CPUExecutionProvider"},
    }
    system = {"publisher": _PUBLISHER, "displayName": alias, "deploymentOptions": ["Foundry Local on Devices"]}
    return {
        "assetId": asset,
        "entityId": asset,
        "annotations": {"tags": {"alias": alias, "task": "chat-completion"}, "systemCatalogData": system},
        "properties": {"id": f"{name}:1", "name": name, "version": 1, "variantInfo": variant},
    }


class _Catalog(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        data = json.dumps({"value": [entry(alias) for alias in ALIASES]}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """No log is needed."""


def main(folder: Path) -> int:
    # Both come from the Python of the engine, which ArcOps itself does not have.
    from foundry_local_sdk import Configuration, FoundryLocalManager  # type: ignore[import-not-found]

    from tests.foundry import model

    for number, alias in enumerate(ALIASES):
        files = folder / "cache" / _PUBLISHER / f"{alias}-random-1"
        model.make(files, seed=number)
        known = {"Name": f"{alias}-random:1", "PromptTemplate": {"prompt": "{Content}"}}
        (files / "inference_model.json").write_text(json.dumps(known))
    catalog = ThreadingHTTPServer(("127.0.0.1", 0), _Catalog)
    threading.Thread(target=catalog.serve_forever, daemon=True).start()
    configuration = Configuration(
        app_name="arcops-tests",
        app_data_dir=str(folder / "data"),
        model_cache_dir=str(folder / "cache"),
        logs_dir=str(folder / "logs"),
        web=Configuration.WebService(urls="http://127.0.0.1:0"),
        catalog_urls=[(f"http://127.0.0.1:{catalog.server_address[1]}{_CATALOG}", None)],
        disable_nonessential_telemetry=True,
    )
    with FoundryLocalManager(configuration) as manager:
        manager.start_web_service()
        print(f"SERVES {manager.urls[0]}", flush=True)
        sys.stdin.read()
        manager.stop_web_service()
    return 0


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1])))
