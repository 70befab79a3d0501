"""Starting the studio's page."""

from __future__ import annotations

import socket
from pathlib import Path

from promopilot.experiments.errors import ConfigError, MissingPackageError

_PAGE = Path(__file__).with_name("page.py")


def serve(run: Path, address: str, port: int, browser: bool) -> None:
    """Serve the page until it is interrupted.

    Args:
        run: A finished run.
        address: Whom to listen to: 127.0.0.1 is this machine alone.
        port: Of the page.
        browser: Whether to open it.

    Raises:
        MissingPackageError: Streamlit is not installed.
        ConfigError: The address is not this machine's, or the port is in use.
    """
    try:
        from streamlit.web import bootstrap
    except ImportError as error:
        raise MissingPackageError(
            f"the studio needs the extra `studio` ({error}); install it with: "
            'pip install "promopilot[studio]"'
        ) from None
    with socket.socket() as tried:
        try:
            tried.bind((address, port))
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise ConfigError(
                f"the studio cannot listen to {address}, port {port}: {reason}; name another --port"
            ) from error
    options = {
        "server_address": address,
        "server_port": port,
        "server_headless": not browser,
        "server_fileWatcherType": "none",
        "browser_gatherUsageStats": False,
        "client_toolbarMode": "viewer",
        "global_developmentMode": False,
    }
    bootstrap.load_config_options(options)
    bootstrap.run(str(_PAGE), False, [str(run)], options)
