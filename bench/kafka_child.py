"""One measured thing over Kafka in a process of its own: `python -m bench.kafka_child service|loop ISLAND MESSAGES`, JSON on stdout.

As in the command, a process is prepared before what is heavy is imported.
"""

if __name__ == "__main__":
    import sys

    if sys.argv[1] == "service":
        from tacet_runtime.process import steady

        steady()
    from bench.kafka_work import main

    main(*sys.argv[1:4])
