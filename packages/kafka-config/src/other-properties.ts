/*
 * Properties that Kafka's clients know and that are not read here: what becomes of each.
 *
 * From `configNames()` of ProducerConfig, ConsumerConfig and AdminClientConfig of kafka-clients 4.3.1, which a test asks again; from librdkafka's CONFIGURATION.md of July 2026, without what only code can set; and, by their beginnings, from
 * Confluent's serializers and interceptors.
 */

/** Nobody relies on these here: how a client works inside, or what it does with keys and values that are no images. */
const ignored = new Set(
  `
  allow.auto.create.topics api.version.fallback.ms api.version.request api.version.request.timeout.ms auto.commit.enable
  auto.include.jmx.reporter batch.num.messages batch.size bootstrap.controllers broker.address.family broker.address.ttl
  broker.version.fallback buffer.memory builtin.features check.crcs client.dns.lookup compression.codec compression.gzip.level
  compression.level compression.lz4.level compression.type compression.zstd.level connections.max.idle.ms
  consume.callback.max.messages coordinator.query.interval.ms debug default.api.timeout.ms delivery.report.only.error
  enable.auto.offset.store enable.metrics.push enable.partition.eof enable.random.seed enabled_events exclude.internal.topics
  fetch.error.backoff.ms fetch.queue.backoff.ms group.protocol.type group.remote.assignor interceptor.classes
  internal.termination.signal internal.throw.on.fetch.stable.offset.unsupported key.deserializer key.serializer linger.ms
  log.connection.close log.queue log.thread.name log_level max.block.ms max.in.flight max.in.flight.requests.per.connection
  max.poll.records message.copy.max.bytes message.send.max.retries metadata.max.idle.ms metadata.recovery.rebootstrap.trigger.ms
  metadata.recovery.strategy metric.reporters metrics.num.samples metrics.recording.level metrics.sample.window.ms msg_order_cmp
  offset.store.method offset.store.path offset.store.sync.interval.ms partition.assignment.strategy
  partitioner.adaptive.partitioning.enable partitioner.availability.timeout.ms produce.offset.report
  queue.buffering.backpressure.threshold queue.buffering.max.kbytes queue.buffering.max.messages queue.buffering.max.ms
  queued.max.messages.kbytes queued.min.messages queuing.strategy receive.buffer.bytes receive.message.max.bytes
  reconnect.backoff.jitter.ms reconnect.backoff.max.ms reconnect.backoff.ms retries retry.backoff.max.ms
  sasl.login.connect.timeout.ms sasl.login.read.timeout.ms sasl.login.refresh.buffer.seconds
  sasl.login.refresh.min.period.seconds sasl.login.refresh.window.factor sasl.login.refresh.window.jitter
  sasl.login.retry.backoff.max.ms sasl.login.retry.backoff.ms sasl.oauthbearer.clock.skew.seconds
  sasl.oauthbearer.expected.audience sasl.oauthbearer.expected.issuer sasl.oauthbearer.jwks.endpoint.refresh.ms
  sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms sasl.oauthbearer.jwks.endpoint.retry.backoff.ms
  sasl.oauthbearer.jwks.endpoint.url sasl.oauthbearer.jwt.validator.class sasl.oauthbearer.scope.claim.name
  sasl.oauthbearer.sub.claim.name send.buffer.bytes share.acknowledgement.mode share.acquire.mode socket.blocking.max.ms
  socket.connection.setup.timeout.max.ms socket.keepalive.enable socket.max.fails socket.nagle.disable
  socket.receive.buffer.bytes socket.send.buffer.bytes socket.timeout.ms ssl.keymanager.algorithm ssl.protocol
  ssl.secure.random.implementation ssl.trustmanager.algorithm statistics.interval.ms sticky.partitioning.linger.ms
  topic.blacklist topic.metadata.propagation.max.ms topic.metadata.refresh.fast.cnt topic.metadata.refresh.fast.interval.ms
  topic.metadata.refresh.interval.ms topic.metadata.refresh.sparse transaction.timeout.ms value.deserializer value.serializer

  auto.register.schemas derive.type id.compatibility.strict latest.cache.size latest.cache.ttl.sec latest.compatibility.strict
  max.schemas.per.subject normalize.schemas schema.format schema.reflection skip.known.types use.latest.version
  use.latest.with.metadata use.schema.id
  `
    .trim()
    .split(/\s+/),
);

const ignoredBeginnings =
  /^(avro|basic\.auth|bearer\.auth|confluent|context\.name|json|key\.subject|metrics\.context|protobuf|reference\.subject|rule|sasl\.kerberos|schema\.registry|specific|value\.subject)\./;

/** What is not done although somebody may rely on it. */
interface Unsupported {
  /** `warn`: all else works without it. `refuse`: whoever set it would have less security than they asked for, or no login. */
  readonly kind: 'warn' | 'refuse';
  readonly reason: string;
  /** Values that ask for nothing else than what happens anyway. */
  readonly harmless?: RegExp;
}

const inJava = 'it names code in Java, which cannot run here';
const noAssertions = 'a token is asked for with a client id and a client secret';
const partitioning = 'a key decides the partition as with the default partitioner of Kafka (murmur2)';

const unsupported: Readonly<Record<string, Unsupported>> = {
  'transactional.id': { kind: 'warn', reason: 'records are sent outside of transactions' },
  'transaction.two.phase.commit.enable': {
    kind: 'warn',
    reason: 'records are sent outside of transactions',
    harmless: /^false$/i,
  },
  'enable.idempotence': {
    kind: 'warn',
    reason: 'a record that is sent again may be in the topic twice; the consumer saves its image once',
    harmless: /^false$/i,
  },
  'enable.gapless.guarantee': {
    kind: 'warn',
    reason: 'a record that cannot be sent does not stop those after it',
    harmless: /^false$/i,
  },
  'group.instance.id': {
    kind: 'warn',
    reason:
      'a consumer that starts again is a new member of its group, which shares out its partitions again',
  },
  'group.protocol': {
    kind: 'warn',
    reason: 'groups are joined with the classic protocol',
    harmless: /^classic$/i,
  },
  'partitioner.class': { kind: 'warn', reason: partitioning, harmless: /DefaultPartitioner$/ },
  'partitioner.ignore.keys': { kind: 'warn', reason: partitioning, harmless: /^false$/i },
  partitioner: { kind: 'warn', reason: partitioning, harmless: /^murmur2(_random)?$/ },
  'ssl.cipher.suites': { kind: 'warn', reason: "Node's own choice of cipher suites is offered" },
  'ssl.curves.list': { kind: 'warn', reason: "Node's own choice of curves is offered" },
  'ssl.sigalgs.list': { kind: 'warn', reason: "Node's own choice of signature algorithms is offered" },
  'ssl.ca.certificate.stores': { kind: 'warn', reason: 'name the CA in ssl.ca.location' },
  'enable.ssl.certificate.verification': {
    kind: 'warn',
    reason: "the broker's certificate is verified all the same; name its CA in ssl.ca.location",
    harmless: /^true$/i,
  },
  'ssl.crl.location': { kind: 'refuse', reason: 'revoked certificates would be accepted' },
  'security.providers': { kind: 'refuse', reason: inJava },
  'ssl.engine.factory.class': { kind: 'refuse', reason: inJava },
  'ssl.provider': { kind: 'refuse', reason: inJava },
  'ssl.providers': { kind: 'refuse', reason: 'providers of OpenSSL cannot be loaded here' },
  'ssl.engine.id': { kind: 'refuse', reason: 'engines of OpenSSL cannot be loaded here' },
  'ssl.engine.location': { kind: 'refuse', reason: 'engines of OpenSSL cannot be loaded here' },
  'plugin.library.paths': { kind: 'refuse', reason: 'plugins of librdkafka cannot be loaded here' },
  'sasl.login.class': { kind: 'refuse', reason: inJava },
  'sasl.oauthbearer.config': {
    kind: 'refuse',
    reason: 'tokens without a signature are for tests; set sasl.oauthbearer.token.endpoint.url',
  },
  'enable.sasl.oauthbearer.unsecure.jwt': {
    kind: 'refuse',
    reason: 'tokens without a signature are for tests; set sasl.oauthbearer.token.endpoint.url',
    harmless: /^false$/i,
  },
  'sasl.oauthbearer.metadata.authentication.type': {
    kind: 'refuse',
    reason: noAssertions,
    harmless: /^none$/i,
  },
};

const isAssertion = /^sasl\.oauthbearer\.assertion\./;

/** What becomes of a property that Kafka knows and this package does not read; undefined where Kafka does not know it either. */
export function otherProperty(
  name: string,
  value: string,
): { readonly kind: 'ignore' } | Unsupported | undefined {
  if (Object.hasOwn(unsupported, name)) {
    const entry = unsupported[name]!;
    return entry.harmless?.test(value) === true ? { kind: 'ignore' } : entry;
  }
  if (isAssertion.test(name)) {
    return { kind: 'refuse', reason: noAssertions };
  }
  return ignored.has(name) || ignoredBeginnings.test(name) ? { kind: 'ignore' } : undefined;
}

/** The names that are not ignored: one that looks like these is a mistake that matters. */
export const unsupportedNames: readonly string[] = Object.keys(unsupported);
