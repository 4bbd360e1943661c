"""One measured thing in a process of its own: `python -m bench.child NAME FILE_OR_FOLDER`, JSON on stdout.

Nothing else stands here: the job's workers import again what was started (`multiprocessing`, "spawn"), and are to find
as little as they find in the command.
"""

if __name__ == "__main__":
    import json
    import sys

    from bench.work import main

    print(json.dumps(main(*sys.argv[1:3])))
