"""The job as a service on Kafka: one owner process per job, island and shard; each message once in topic and table.

`protocol` is the crash-safe loop, S0 to S9, and the place to begin. `owner` names what a shard owns, `intent` is the message that
ties a Kafka transaction to its Iceberg files, `recovery` says where to go on, `batches` reads, `outputs` writes,
`tables` follows the intents, `watchdog` ends what hangs, `supervisor` starts again what ended.
"""
