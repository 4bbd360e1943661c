"""One measured thing in a process of its own: `python -m bench.child NAME FILE_OR_FOLDER`, JSON on stdout.

Nothing else stands here: the job's workers import again what was started (`multiprocessing`, "spawn"), and are to find
as little as they find in the command. And as there, the job's process is prepared before what is heavy is imported.
"""

if __name__ == "__main__":
    import json
    import sys

    if sys.argv[1] in {"job", "two", "stages"}:
        from tacet_runtime.process import steady

        steady()
    from bench.work import main

    print(json.dumps(main(*sys.argv[1:3])))
