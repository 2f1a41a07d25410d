import {
  application,
  boto3,
  confluent,
  imageStream,
  kcat,
  librdkafka,
  minimal,
  ourReader,
  ourShards,
  rawKafkajs,
  sdkAlone,
  shardWriter,
} from './contenders.ts';
import type { Contender } from './contenders.ts';
import type { Corpus } from './corpus.ts';

/** One kind of images, and who moves them. */
export interface Workload {
  /** For `--only`. */
  readonly name: string;
  readonly title: string;
  /** What is sent; without it, noise that each producer makes. */
  readonly corpus?: Corpus;
  /** Whether images are saved to an object store. Default: to a directory */
  readonly isStored?: true;
  /** How many images a run moves, but for contenders with a smaller share. */
  readonly images: number;
  /** The first is this project; the others are held against it. */
  readonly contenders: readonly Contender[];
}

const ours = imageStream('image-stream');
/** Pixels travel as PNG too with the confluent-kafka peer. */
const asPng = imageStream('image-stream --encoding png', '--encoding', 'png');

/** What is compared. */
export const workloads: readonly Workload[] = [
  {
    name: 'noise',
    title: 'Noise, 1080 x 1920 RGB (6.2 MB), generated; saved as PNG',
    images: 120,
    contenders: [
      ours,
      imageStream('image-stream --format python-json', '--format', 'python-json'),
      application,
      confluent,
    ],
  },
  {
    name: 'photographs-npy',
    title: 'Photographs, 1080 x 1920 RGB, pixels (.npy, 6.2 MB); saved as PNG',
    corpus: 'photographs-npy',
    images: 60,
    contenders: [ours, asPng, application, confluent, kcat],
  },
  {
    name: 'screenshots-npy',
    title: 'Screenshots, 1080 x 1920 RGB, pixels (.npy, 6.2 MB); saved as PNG',
    corpus: 'screenshots-npy',
    images: 60,
    contenders: [ours, asPng, application, confluent, kcat],
  },
  {
    name: 'photographs-jpeg',
    title: 'Photographs, JPEG files (0.5 MB) as they are',
    corpus: 'photographs-jpeg',
    images: 800,
    contenders: [ours, confluent, kcat, minimal],
  },
  {
    name: 'screenshots-jpeg',
    title: 'Screenshots, JPEG files (0.4 MB) as they are',
    corpus: 'screenshots-jpeg',
    images: 800,
    contenders: [ours, confluent, kcat],
  },
  {
    name: 'objects',
    title: 'Photographs, JPEG files (0.5 MB) as they are, saved to an object store on the same machine',
    corpus: 'photographs-jpeg',
    isStored: true,
    images: 800,
    contenders: [ours, boto3, ...[8, 16, 32, 64].map((requests) => sdkAlone(requests))],
  },
  {
    name: 'thumbnails',
    title: 'Thumbnails, JPEG files (11 KB) as they are',
    corpus: 'thumbnails',
    images: 5000,
    contenders: [ours, confluent, kcat, minimal],
  },
  {
    name: 'shards',
    title: 'Thumbnails, JPEG files (11 KB) as they are, saved in WebDataset shards and as files',
    corpus: 'thumbnails',
    images: 20_000,
    contenders: [ourShards, shardWriter, ours],
  },
  {
    name: 'large',
    title: 'TIFF files of 200 MB as they are; the topic takes records of 13.8 MB',
    corpus: 'large',
    images: 3,
    contenders: [ours, confluent, kcat],
  },
  {
    name: 'records',
    title: 'Limits: records of 6.2 MB without images, received and dropped',
    images: 120,
    contenders: [
      rawKafkajs('kafkajs as patched here', 'kafkajs'),
      ourReader,
      rawKafkajs('kafkajs 2.2.3, not patched', 'kafkajs-unpatched'),
      librdkafka,
    ],
  },
];
