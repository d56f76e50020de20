"""The panel and what it needs of the application: worker process, dependencies."""
