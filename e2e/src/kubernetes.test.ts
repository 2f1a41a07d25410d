import { once } from 'node:events';
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { ScaledObject, TriggerAuthentication } from '@kubernetes-models/keda/keda.sh/v1alpha1';
import { clientConfig, loadProperties } from '@image-stream/kafka-config';
import { Deployment, StatefulSet } from 'kubernetes-models/apps/v1';
import type { IIoK8sApiCoreV1Container } from 'kubernetes-models/v1/Container';
import { HorizontalPodAutoscaler } from 'kubernetes-models/autoscaling/v2';
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1';
import {
  ConfigMap,
  Namespace,
  PersistentVolumeClaim,
  Secret,
  Service,
  ServiceAccount,
} from 'kubernetes-models/v1';
import sharp from 'sharp';
import { expect, onTestFinished, test, vi } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { filesIn, temporaryFolder } from './files.test-support.ts';
import { createTopic } from './kafka.test-support.ts';
import { bootstrapServers, start, succeed } from './programs.test-support.ts';
import type { Running } from './programs.test-support.ts';
import { s3Environment, s3Folder } from './s3.test-support.ts';

interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
}

const patience = { timeout: 50_000 };
const folder = new URL('../../deploy/kubernetes/', import.meta.url);
const files = readdirSync(folder).filter((name) => name.endsWith('.yaml') && name !== 'kustomization.yaml');
const manifests = files.flatMap(read);

const models = [
  ...[ConfigMap, Deployment, HorizontalPodAutoscaler, Namespace, PersistentVolumeClaim, PodDisruptionBudget],
  ...[ScaledObject, Secret, Service, StatefulSet, TriggerAuthentication],
];

const consumers = find(StatefulSet, 'image-consumer');
const producers = find(Deployment, 'image-producer');
const config = find(ConfigMap, 'image-stream');
const secret = find(Secret, 'image-stream');
const scaled = find(ScaledObject, 'image-consumer');
const horizontal = find(HorizontalPodAutoscaler, 'image-consumer');
const consumer = containerOf(consumers);
const producer = containerOf(producers);

test.each(manifests.map((manifest) => [`${manifest.kind} ${manifest.metadata.name}`, manifest]))(
  '%s follows its schema',
  (_name, manifest) => {
    const model = models.find(
      (each) => each.apiVersion === manifest.apiVersion && each.kind === manifest.kind,
    );
    expect(model).toBeDefined();
    expect(unknownFields(new model!(manifest as never))).toEqual([]);
  },
);

test('kustomization.yaml names every file, and the images that the containers have', () => {
  const text = readFileSync(new URL('kustomization.yaml', folder), 'utf8');
  const { resources, images } = parse(text) as { resources: string[]; images: { name: string }[] };
  const alternative = 'autoscaling-prometheus.yaml';
  expect(text).toContain(`# - ${alternative}`);
  expect([...resources, alternative].toSorted()).toEqual(files.toSorted());
  expect(images.map(({ name }) => name)).toEqual([consumer.image, producer.image]);
});

test('what is referred to is there', () => {
  const claims = manifests.filter(({ kind }) => kind === 'PersistentVolumeClaim');
  const secrets = [consumers, producers].flatMap(({ spec }) =>
    spec!.template.spec!.volumes!.flatMap(({ secret: each }) => each ?? []),
  );
  for (const { spec } of [consumers, producers]) {
    const { volumes = [], containers } = spec!.template.spec!;
    expect(containers[0]!.volumeMounts!.map(({ name }) => name)).toEqual(volumes.map(({ name }) => name));
    for (const { persistentVolumeClaim: claim } of volumes.filter((each) => each.persistentVolumeClaim)) {
      expect(claims.map(({ metadata }) => metadata.name)).toContain(claim!.claimName);
    }
  }
  expect(new Set(secrets.map(({ secretName }) => secretName))).toEqual(new Set([secret.metadata!.name]));
  const keys = Object.keys(secret.stringData!);
  expect(keys).toEqual(expect.arrayContaining(secrets.flatMap(({ items }) => items!.map(({ key }) => key))));
  const login = find(TriggerAuthentication, scaled.spec.triggers[0]!.authenticationRef!.name);
  expect(keys).toEqual(expect.arrayContaining(login.spec.secretTargetRef!.map(({ key }) => key)));
});

test('what is scaled is the group that the consumers are, up to the partitions', () => {
  const { metadata } = scaled.spec.triggers[0]!;
  const { KAFKA_BOOTSTRAP_SERVERS, IMAGE_STREAM_TOPIC, IMAGE_STREAM_GROUP_ID } = config.data!;
  expect(metadata).toMatchObject({
    bootstrapServers: KAFKA_BOOTSTRAP_SERVERS,
    topic: IMAGE_STREAM_TOPIC,
    consumerGroup: IMAGE_STREAM_GROUP_ID,
  });
  expect(scaled.spec.maxReplicaCount).toBe(horizontal.spec!.maxReplicas);
  for (const { kind, name } of [scaled.spec.scaleTargetRef, horizontal.spec!.scaleTargetRef]) {
    expect([kind, name]).toEqual([consumers.kind, consumers.metadata!.name]);
  }
  // Else every apply would undo what was scaled.
  expect(consumers.spec).not.toHaveProperty('replicas');
});

test('the properties in the secret are taken, and hold the login that KEDA is given', async () => {
  const { 'client.properties': properties, 'ca.pem': ca, username, password } = secret.stringData!;
  const mounted = temporaryFolder();
  writeFileSync(join(mounted, 'ca.pem'), ca!);
  writeFileSync(
    join(mounted, 'client.properties'),
    properties!.replace(/^(ssl\.truststore\.location)=.*\/(?=[^/]*$)/m, `$1=${mounted}/`),
  );
  expect(properties).toContain(`=${mountOf(consumer, 'properties')}/ca.pem`);
  const loaded = await loadProperties({ file: join(mounted, 'client.properties') });
  expect(loaded).toMatchObject({ 'security.protocol': 'SASL_SSL', 'sasl.mechanism': 'SCRAM-SHA-512' });
  expect(await clientConfig(loaded, { debug: () => {} })).toMatchObject({
    ssl: { ca: Buffer.from(ca!) },
    sasl: { mechanism: 'scram-sha-512', username, password },
  });
  expect(scaled.spec.triggers[0]!.metadata).toMatchObject({ tls: 'enable', sasl: 'scram_sha512' });
});

test('the programs, started as they are there, pass an image on and answer the probes', async () => {
  const topic = await createTopic();
  const root = temporaryFolder();
  const port = await freePort();
  const [images, incoming, state] = (
    [
      [consumer, 'images'],
      [producer, 'incoming'],
      [producer, 'state'],
    ] as const
  ).map(([container, volume]) => join(root, mountOf(container, volume)));
  for (const mounted of [images!, incoming!, state!, join(root, mountOf(consumer, 'properties'))]) {
    mkdirSync(mounted, { recursive: true });
  }
  writeFileSync(join(root, mountOf(consumer, 'properties'), 'client.properties'), '');
  writeFileSync(join(incoming!, 'red.png'), await picture());

  const launch = (program: 'consumer' | 'producer', container: IIoK8sApiCoreV1Container): Running => {
    const args = container.args!.map((arg) =>
      container
        .volumeMounts!.reduce((text, { mountPath }) => text.replace(mountPath, join(root, mountPath)), arg)
        .replace('0.0.0.0', '127.0.0.1')
        .replace(`${container.ports?.[0]?.containerPort}`, `${port}`),
    );
    const environment = Object.fromEntries((container.env ?? []).map(({ name, value }) => [name, value]));
    const elsewhere = {
      KAFKA_BOOTSTRAP_SERVERS: bootstrapServers,
      IMAGE_STREAM_TOPIC: topic,
      IMAGE_STREAM_GROUP_ID: topic,
    };
    const running = start(program, args, { ...config.data, ...environment, ...elsewhere });
    onTestFinished(() => void running.process.kill('SIGKILL'));
    return running;
  };
  const running = [launch('producer', producer), launch('consumer', consumer)];
  const saved = (): string[] => filesIn(images!).filter((name) => /date=.*\.png$/.test(name));
  const hasEnded = (): boolean => running.some(({ process: { exitCode } }) => exitCode !== null);
  await vi.waitUntil(() => saved().length > 0 || hasEnded(), patience);
  expect(saved()).toHaveLength(1);

  for (const probe of [consumer.livenessProbe, consumer.readinessProbe]) {
    expect(probe!.httpGet!.port).toBe(consumer.ports![0]!.name);
    expect((await fetch(`http://127.0.0.1:${port}${probe!.httpGet!.path}`)).status).toBe(200);
  }
  await expect.poll(() => filesIn(state!), patience).toEqual(['sent']);
  running.map(({ process: child }) => child.kill('SIGTERM'));
  const ended = await Promise.all(running.map((each) => each.ended));
  expect(ended.map(({ exitCode }) => exitCode)).toEqual([0, 0]);
});

test('with object storage, consumers have no volume but for what is not finished, and save there', async () => {
  const overlay = new URL('../../deploy/kubernetes-s3/', import.meta.url);
  const parsed = (file: string): never => parse(readFileSync(new URL(file, overlay), 'utf8')) as never;
  expect(unknownFields(new ServiceAccount(parsed('service-account.yaml')))).toEqual([]);
  const { metadata, spec }: StatefulSet = parsed('consumer.yaml');
  const kustomization: { resources: string[]; patches: object[] } = parsed('kustomization.yaml');
  expect(kustomization).toMatchObject({ resources: ['../kubernetes', 'service-account.yaml'] });
  expect(kustomization.patches[0]).toEqual({ path: 'consumer.yaml' });
  expect(metadata!.name).toBe(consumers.metadata!.name);
  const { containers, volumes } = spec!.template.spec!;
  const [patched] = containers;
  expect(patched!.name).toBe(consumer.name);
  expect(volumes!.map(({ name }) => name)).toEqual(['images', 'scratch']);
  // What the patch does not replace is said in both.
  const stay = consumer.args!.filter((arg) => /^--(command-config|metrics)/.test(arg));
  expect(patched!.args).toEqual(expect.arrayContaining(stay));

  const [topic, output, scratch] = [await createTopic(), s3Folder(), temporaryFolder()];
  const image = await picture();
  const pictures = temporaryFolder();
  writeFileSync(join(pictures, 'red.png'), image);
  await succeed('producer', ['-t', topic, pictures]);
  const port = await freePort();
  const args = patched!.args!.flatMap((arg) =>
    arg.startsWith('--command-config')
      ? []
      : arg
          .replace('s3://bucket/images', output.url)
          .replace('/scratch', scratch)
          .replace('0.0.0.0', '127.0.0.1')
          .replace('9464', `${port}`),
  );
  const running = start('consumer', [...args, '-t', topic, '-gid', topic, '--exit-at-end'], s3Environment);
  expect((await running.ended).exitCode).toBe(0);
  expect(await output.keys()).toHaveLength(1);
});

test('the consumer listens where Kubernetes and Prometheus ask', () => {
  const [port] = consumer.ports!;
  expect(consumer.args).toContain('--metrics-host=0.0.0.0');
  expect(consumer.args).toContain(`--metrics-port=${port!.containerPort}`);
  expect(consumers.spec!.template.metadata!.annotations).toMatchObject({
    'prometheus.io/port': `${port!.containerPort}`,
  });
  expect(find(Service, consumers.spec!.serviceName!).spec!.ports).toMatchObject([{ targetPort: port!.name }]);
});

function read(file: string): Manifest[] {
  const text = readFileSync(new URL(file, folder), 'utf8');
  return parseAllDocuments(text).map((document) => {
    expect(document.errors).toEqual([]);
    return document.toJS() as Manifest;
  });
}

function find<M>(model: (new () => M) & { readonly kind: string }, name: string): M {
  return manifests.find(({ kind, metadata }) => kind === model.kind && metadata.name === name) as M;
}

function mountOf({ volumeMounts }: IIoK8sApiCoreV1Container, volume: string): string {
  return volumeMounts!.find(({ name }) => name === volume)!.mountPath;
}

function containerOf({ spec }: StatefulSet | Deployment): IIoK8sApiCoreV1Container {
  return spec!.template.spec!.containers[0]!;
}

/**
 * The fields that a schema does not name. Its validator passes over those, and reads all the others.
 *
 * @throws where the fields that it names are not as they have to be
 */
function unknownFields(model: { validate(): void }): string[] {
  const known = new Set<string>();
  const watched = <Value extends object>(value: Value, path: string): Value =>
    new Proxy(value, {
      get(target, key) {
        const field: unknown = Reflect.get(target, key);
        known.add(`${path}/${String(key)}`);
        return typeof field === 'object' && field !== null ? watched(field, `${path}/${String(key)}`) : field;
      },
    });
  watched(model, '').validate();
  return fieldsOf(model, '').filter((path) => !known.has(path));
}

function fieldsOf(value: unknown, path: string): string[] {
  return typeof value === 'object' && value !== null
    ? Object.entries(value).flatMap(([key, field]) => [
        `${path}/${key}`,
        ...fieldsOf(field, `${path}/${key}`),
      ])
    : [];
}

async function picture(): Promise<Buffer> {
  return sharp({ create: { width: 8, height: 8, channels: 3, background: 'red' } })
    .png()
    .toBuffer();
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}
