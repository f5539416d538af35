# ruff: noqa: F821 (the functions of manifests come from MicroPython)
metadata(description="umqtt.simple from PyPI, the one that is tested here", version="1.3.4")
package("umqtt", base_path="$(PARTS_DIR)/umqtt")
