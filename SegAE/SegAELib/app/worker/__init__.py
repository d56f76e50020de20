"""Scoring jobs for a panel, which starts one and polls it from a timer. No Qt, no Slicer.

    job = WorkerJob(python_executable())     # or InProcessJob()
    job.start(volume, segmentation, JobSettings())
    while job.running:                       # a QTimer's slot, in a panel
        for event in job.poll(): ...
    job.close()
"""

from SegAELib.app.worker.environment import python_executable
from SegAELib.app.worker.in_process_job import InProcessJob
from SegAELib.app.worker.scoring_job import ScoringJob
from SegAELib.app.worker.worker_job import WorkerJob

__all__ = ["InProcessJob", "ScoringJob", "WorkerJob", "python_executable"]
