import type { Kafka } from 'kafkajs';

/*
 * Of kafkajs, what its own consumers are made of. It is not part of its interface, so all that is known of it is here: this depends
 * on the version that is bundled, as its patch does.
 */

/** A request in one version, and how its answer is read. */
export interface ProtocolRequest<T> {
  readonly request: {
    readonly apiKey: number;
    readonly apiVersion: number;
    readonly apiName: string;
    readonly encode: () => Promise<object>;
  };
  readonly response: {
    readonly decode: (payload: Buffer) => Promise<T>;
    readonly parse: (data: T) => Promise<T>;
  };
  readonly requestTimeout?: number;
}

/** What a broker knows of the cluster and of one topic, in the form in which kafkajs keeps it. */
export interface ClusterMetadata {
  readonly brokers: readonly {
    readonly nodeId: number;
    readonly host: string;
    readonly port: number;
    readonly rack: string | null;
  }[];
  readonly controllerId: number;
  readonly topicMetadata: readonly TopicMetadata[];
}

/** A topic, as far as a broker knows it. */
export interface TopicMetadata {
  readonly topicErrorCode: number;
  readonly topic: string;
  /** Which tells a topic from one of the same name that was deleted; undefined before Kafka 2.8. */
  readonly topicId?: string | undefined;
  readonly partitionMetadata: readonly {
    readonly partitionErrorCode: number;
    readonly partitionId: number;
    /** -1 where there is none. */
    readonly leader: number;
    /** Counts the leaders; undefined before Kafka 2.8, where it is not asked for. */
    readonly leaderEpoch?: number | undefined;
  }[];
}

/** A connection to one broker. Each method takes the highest version that both sides know. */
export interface Broker {
  readonly brokerAddress: string;
  /** By the number of a request. */
  readonly versions: Readonly<
    Record<number, { readonly minVersion: number; readonly maxVersion: number }>
  > | null;
  readonly connectionPool: { send<T>(request: ProtocolRequest<T>): Promise<T> };
  metadata(topics: string[]): Promise<ClusterMetadata>;
  fetch(request: object): Promise<unknown>;
  listOffsets(request: object): Promise<{
    readonly responses: readonly {
      readonly partitions: readonly { readonly partition: number; readonly offset: string }[];
    }[];
  }>;
  joinGroup(request: object): Promise<{
    readonly generationId: number;
    readonly groupProtocol: string;
    readonly leaderId: string;
    readonly memberId: string;
    readonly members: readonly { readonly memberId: string; readonly memberMetadata: Buffer }[];
  }>;
  syncGroup(request: object): Promise<{ readonly memberAssignment: Buffer }>;
  heartbeat(request: object): Promise<unknown>;
  leaveGroup(request: object): Promise<unknown>;
  offsetCommit(request: object): Promise<unknown>;
  offsetFetch(request: object): Promise<{
    readonly responses: readonly {
      readonly partitions: readonly {
        readonly partition: number;
        readonly offset: string;
        readonly metadata: string | null;
      }[];
    }[];
  }>;
}

/** The brokers that are known, and the connections to them. */
export interface Cluster {
  readonly targetTopics: Set<string>;
  readonly brokerPool: {
    readonly metadata: ClusterMetadata | null;
    findConnectedBroker(): Promise<Broker>;
  };
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  refreshMetadata(): Promise<void>;
  findBroker(node: { readonly nodeId: number }): Promise<Broker>;
  findGroupCoordinator(group: { readonly groupId: string }): Promise<Broker>;
}

/** A cluster of its own for whoever calls, not yet connected. */
export function createCluster(kafka: Kafka): Cluster {
  const name = 'private:Kafka:createCluster';
  const symbol = Object.getOwnPropertySymbols(kafka).find(({ description }) => description === name)!;
  const create = (kafka as unknown as Record<symbol, (options: object) => Cluster>)[symbol]!;
  return create({ allowAutoTopicCreation: false, metadataMaxAge: 300_000 });
}
