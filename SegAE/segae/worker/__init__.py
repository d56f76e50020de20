"""Scoring in a child process: what parent and child say to each other, and the child itself.

The parent starts `python -m segae.worker FOLDER` (or the file `segae/worker/__main__.py`). FOLDER is a
private temporary folder (mode 0700) that the child removes when it ends. Both talk in lines of UTF-8 JSON,
one object a line.

Parent to child, on stdin:

    {"command": "score", "job": 1, "folder": "FOLDER/job-1"}
        Score what the folder holds (`segae.worker.parcel`); the child removes it when it has read it.
    {"command": "cancel", "job": 1}
        Stop that job before its next batch.

Child to parent, on stdout; `job` is the number that the command gave, and each job ends with exactly one of
finished, failed and cancelled:

    {"event": "progress", "job": 1, "stage": "scoring", "done": 32, "total": 480, "seconds": 1.9}
    {"event": "scores", "job": 1, "rows": [[...], ...]}
        A batch of slices; the values of a row in the order of `segae.report.record.ROW_TYPES`.
    {"event": "finished", "job": 1, "header": {...}, "rows": [[...], ...]}
        The whole report, as `segae.report.record` stores it.
    {"event": "failed", "job": 1, "kind": "input", "sentence": "...", "details": ""}
    {"event": "cancelled", "job": 1}

Numbers are written as Python's json does, NaN included. Lines that are no such object are to be skipped. What
libraries print goes to stderr. End of file on stdin means that the parent is gone or done: the child removes
FOLDER and ends at once, whatever it is doing. Between jobs it keeps the model and the last CT.
"""
