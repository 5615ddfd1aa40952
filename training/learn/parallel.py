"""A process pool that keeps the order of the jobs (same seeds, same result, any number of processes)."""
from multiprocessing import get_context


def spread(function, jobs, processes):
    if processes <= 1:
        yield from map(function, jobs)
        return
    with get_context("fork").Pool(processes) as pool:
        yield from pool.imap(function, jobs, chunksize=16)
