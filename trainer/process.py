"""What training changes in its process, and puts back."""

import logging
import signal
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from lightning.fabric.utilities.warnings import PossibleUserWarning
from transformers.utils import logging as transformers_logging

LOGGERS = ("lightning.pytorch", "lightning.fabric", "transformers")


@contextmanager
def quiet() -> Iterator[None]:
    """Lets only errors of Lightning and Transformers through; everything is as before afterwards."""
    loggers = [logging.getLogger(name) for name in LOGGERS]
    levels = [logger.level for logger in loggers]
    bar = transformers_logging.is_progress_bar_enabled()
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        with warnings.catch_warnings():
            # Advice on the number of loader processes: it is a setting here, and on a small model none is fastest.
            warnings.simplefilter("ignore", PossibleUserWarning)
            # Lightning 2.6 builds trees of loaders in a way that torch 2.13 calls old.
            warnings.filterwarnings("ignore", message=".*LeafSpec", category=FutureWarning)
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
        if bar:
            transformers_logging.enable_progress_bar()  # type: ignore[no-untyped-call]


@contextmanager
def threads(number: int | None) -> Iterator[None]:
    """Lets torch use so many CPU threads; None leaves its own choice."""
    before = torch.get_num_threads()
    torch.set_num_threads(number or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def interruptible() -> Iterator[None]:
    """Puts the answer to Ctrl+C back: Lightning's own ignores any further one, for the rest of the process."""
    in_main_thread = threading.current_thread() is threading.main_thread()
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        if in_main_thread:
            signal.signal(signal.SIGINT, handler)


def is_out_of_memory(error: Exception) -> bool:
    """Whether an error says that there is too little memory. The CPU's allocator raises a plain RuntimeError."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or "can't allocate memory" in str(error)
