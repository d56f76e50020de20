"""Hands a job over to the child, in a thread: a panel may not stand still while a large CT is written."""

from __future__ import annotations

import shutil
import threading

from segae.data import Segmentation, Volume
from segae.errors import Cancelled
from segae.progress import CancelToken
from segae.whole_file import reason
from segae.worker.events import Failed
from segae.worker.messages import command
from segae.worker.parcel import Parcel, digest_of, write_parcel
from segae.worker.settings import JobSettings
from SegAELib.app.worker.child_process import ChildProcess


class Feeder(threading.Thread):
    """Writes the parcel of job `number` into the child's folder and sends the command; a full disk becomes a
    `Failed` among the child's messages."""

    def __init__(
        self,
        child: ChildProcess,
        number: int,
        ct: Volume,
        segmentation: Segmentation,
        settings: JobSettings,
    ) -> None:
        super().__init__(daemon=True)
        self._child, self._number = child, number
        self._ct, self._segmentation, self._settings = ct, segmentation, settings
        self._token = CancelToken()
        self._sent = False

    def stop(self) -> bool:
        """Stop, within the time of one slab; whether the child was given the job."""
        self._token.cancel()
        self.join()
        return self._sent

    def run(self) -> None:
        folder = self._child.scratch.path / f"job-{self._number}"
        go_on = self._token.raise_if_cancelled
        try:
            digest = digest_of(self._ct.voxels, go_on)
            parcel = Parcel(self._ct, digest, self._segmentation, self._settings)
            write_parcel(folder, parcel, with_ct=digest != self._child.digest, go_on=go_on)
            go_on()
            self._sent = True
            self._child.digest = digest
            self._child.send(command("work", self._number, folder=str(folder)))
        except Cancelled:
            shutil.rmtree(folder, ignore_errors=True)
        except OSError as error:
            shutil.rmtree(folder, ignore_errors=True)
            self._child.messages.put((self._number, full_disk(error)))
        except Exception as error:  # ours: the next poll raises it
            shutil.rmtree(folder, ignore_errors=True)
            self._child.messages.put(error)


def full_disk(error: OSError) -> Failed:
    """What to tell when the temporary folder cannot be used."""
    sentence = (
        f"The images could not be handed to the scoring process ({reason(error)}); free space where "
        "temporary files are kept, and score again."
    )
    return Failed(sentence, "output", str(error))
