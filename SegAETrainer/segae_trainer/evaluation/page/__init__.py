"""The evaluation as one HTML file that needs no network."""

from segae_trainer.evaluation.page.write import write_page

__all__ = ["write_page"]
