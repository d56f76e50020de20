"""Work in a child process: what parent and child say to each other, and the child itself.

The parent starts `python -m segae.worker FOLDER` (or the file `segae/worker/__main__.py`). FOLDER is a
private temporary folder (mode 0700) that the child removes when it ends. Both talk in lines of UTF-8 JSON,
one object a line.

Parent to child, on stdin:

    {"command": "work", "job": 1, "folder": "FOLDER/job-1"}
        Do what the folder's settings ask with the case it holds (`segae.worker.parcel`): score it, locate the
        errors of one mask, or check names. The child removes the folder when it has read it.
    {"command": "cancel", "job": 1}
        Stop that job before its next batch.

Child to parent, on stdout; `job` is the number that the command gave, and each job ends with exactly one of
finished, located, nameschecked, failed and cancelled:

    {"event": "progress", "job": 1, "stage": "scoring", "done": 32, "total": 480, "seconds": 1.9}
    {"event": "scores", "job": 1, "rows": [[...], ...]}
        A batch of slices; the values of a row in the order of `segae.report.record.ROW_TYPES`.
    {"event": "finished", "job": 1, "header": {...}, "rows": [[...], ...]}
        The whole report, as `segae.report.record` stores it.
    {"event": "located", "job": 1, "missing": {...}, "extra": {...}}
        Two masks (`segae.worker.packed`).
    {"event": "nameschecked", "job": 1, "checks": [{...}, ...]}
        The fields of each `NameCheck`, structures as rows of the label table.
    {"event": "failed", "job": 1, "kind": "input", "sentence": "...", "details": ""}
    {"event": "cancelled", "job": 1}

Numbers are written as Python's json does, NaN included. Lines that are no such object are to be skipped. What
libraries print goes to stderr. End of file on stdin means that the parent is gone or done: the child removes
FOLDER and ends at once, whatever it is doing. Between jobs it keeps the model and the last CT.
"""
