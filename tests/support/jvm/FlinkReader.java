import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.flink.avro.registry.confluent.shaded.io.confluent.kafka.schemaregistry.client.CachedSchemaRegistryClient;
import org.apache.flink.avro.shaded.org.apache.avro.Conversion;
import org.apache.flink.avro.shaded.org.apache.avro.Conversions;
import org.apache.flink.avro.shaded.org.apache.avro.Schema;
import org.apache.flink.avro.shaded.org.apache.avro.data.TimeConversions;
import org.apache.flink.avro.shaded.org.apache.avro.generic.GenericRecord;
import org.apache.flink.formats.avro.registry.confluent.ConfluentRegistryAvroDeserializationSchema;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.ObjectMapper;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * A topic as Flink reads it: Flink's own deserializer of Confluent's framing, which asks the registry for the schema of
 * each message's id, and Avro's own conversions of logical types. One JSON object a line, for every committed message:
 * `java -cp ... FlinkReader.java BOOTSTRAP REGISTRY TOPIC`; see servers.py.
 */
class FlinkReader {
    private static final DateTimeFormatter MOMENT = DateTimeFormatter.ofPattern("uuuu-MM-dd'T'HH:mm:ss.SSSSSS");
    private static final DateTimeFormatter TIME = DateTimeFormatter.ofPattern("HH:mm:ss.SSSSSS");
    private static final Map<String, Conversion<?>> LOGICAL = Map.of(
        "decimal", new Conversions.DecimalConversion(),
        "uuid", new Conversions.UUIDConversion(),
        "date", new TimeConversions.DateConversion(),
        "time-micros", new TimeConversions.TimeMicrosConversion(),
        "timestamp-micros", new TimeConversions.TimestampMicrosConversion(),
        "local-timestamp-micros", new TimeConversions.LocalTimestampMicrosConversion());

    public static void main(String[] words) throws Exception {
        var registry = new CachedSchemaRegistryClient(words[1], 10);
        var newest = new Schema.Parser().parse(registry.getLatestSchemaMetadata(words[2] + "-value").getSchema());
        var values = ConfluentRegistryAvroDeserializationSchema.forGeneric(newest, words[1]);
        var out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        var json = new ObjectMapper();
        try (var consumer = new KafkaConsumer<>(settings(words[0]), new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            List<TopicPartition> parts = consumer.partitionsFor(words[2]).stream()
                .map(part -> new TopicPartition(words[2], part.partition())).toList();
            consumer.assign(parts);
            consumer.seekToBeginning(parts);
            var ends = consumer.endOffsets(parts);
            while (parts.stream().anyMatch(part -> consumer.position(part) < ends.get(part))) {
                for (ConsumerRecord<byte[], byte[]> message : consumer.poll(Duration.ofMillis(200))) {
                    GenericRecord row = values.deserialize(message.value());
                    out.println(json.writeValueAsString(plain(row, row.getSchema())));
                }
            }
        }
        out.flush();
    }

    private static Properties settings(String bootstrap) {
        var found = new Properties();
        found.put("bootstrap.servers", bootstrap);
        found.put("isolation.level", "read_committed");
        found.put("enable.auto.commit", "false");
        return found;
    }

    /** A value of Avro, as JSON can say it. */
    private static Object plain(Object value, Schema schema) {
        if (value == null) {
            return null;
        }
        var logical = schema.getLogicalType();
        if (logical != null) {
            return text(Conversions.convertToLogicalType(value, schema, logical, LOGICAL.get(logical.getName())));
        }
        switch (schema.getType()) {
            case UNION:
                return plain(value, schema.getTypes().stream().filter(one -> !one.isNullable()).findFirst().orElseThrow());
            case RECORD:
                var members = new LinkedHashMap<String, Object>();
                schema.getFields().forEach(f -> members.put(f.name(), plain(((GenericRecord) value).get(f.pos()), f.schema())));
                return members;
            case ARRAY:
                return ((List<?>) value).stream().map(one -> plain(one, schema.getElementType())).toList();
            case MAP:
                var found = new LinkedHashMap<String, Object>();
                ((Map<?, ?>) value).forEach((key, one) -> found.put(key.toString(), plain(one, schema.getValueType())));
                return found;
            case BYTES:
                return HexFormat.of().formatHex(bytes((ByteBuffer) value));
            case STRING:
                return value.toString();
            case FLOAT:
                return ((Float) value).doubleValue();
            default:
                return value;
        }
    }

    private static byte[] bytes(ByteBuffer value) {
        var found = new byte[value.remaining()];
        value.duplicate().get(found);
        return found;
    }

    private static String text(Object value) {
        if (value instanceof Instant moment) {
            return MOMENT.format(moment.atOffset(ZoneOffset.UTC)) + "Z";
        }
        if (value instanceof LocalDateTime moment) {
            return MOMENT.format(moment);
        }
        if (value instanceof LocalTime time) {
            return TIME.format(time);
        }
        return value instanceof java.math.BigDecimal number ? number.toPlainString() : value.toString();
    }
}
