"""What is wrong or odd with a CT and its masks, told before anything is scored."""

from segae.preflight.findings import Finding, Preflight, Severity
from segae.preflight.run import run_preflight

__all__ = ["Finding", "Preflight", "Severity", "run_preflight"]
