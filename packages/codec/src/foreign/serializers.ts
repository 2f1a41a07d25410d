import { latin1 } from './formats.ts';
import { imageWithin } from './image-names.ts';

/** What serializers put in front of what they are given. */
export function framed(head: Uint8Array, size: number): string | undefined {
  const text = latin1(head, 64);
  // https://docs.python.org/3/library/pickle.html, protocols 2 to 5
  if (head[0] === 0x80 && head[1]! >= 2 && head[1]! <= 5) {
    return 'a pickle of Python; send the bytes of an image file, or numpy.save';
  }
  // https://docs.spring.io/spring-cloud-stream/docs/1.3.4.RELEASE/reference/htmlsingle/, headerMode
  if (head[0] === 0xff && head[1]! < 32 && /^..[\w-]{2,}\0\0/s.test(text.slice(1))) {
    return 'headers of Spring Cloud Stream in front of the value; set its headerMode to headers or none';
  }
  // https://docs.aws.amazon.com/glue/latest/dg/schema-registry.html: version, compression, UUID
  if (head[0] === 3 && (head[1] === 0 || head[1] === 5) && /^.{8}[@-_].[\x80-\xBF]/s.test(text)) {
    return `${withImage('the schema id of AWS Glue in front of', head)}; use a serializer of bytes`;
  }
  // https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#wire-format
  const id = head[0] === 0 && head.length > 5 ? Buffer.from(head).readUInt32BE(1) : 0;
  if (id > 0 && (id < 2 ** 24 || imageWithin(head) !== undefined)) {
    return `${withImage(`the Confluent schema id ${id} in front of`, head)}; use a serializer of bytes, without a schema registry`;
  }
  // https://bsonspec.org/spec.html
  if (size > 5 && head.length > 5 && Buffer.from(head).readInt32LE(0) === size && head[4]! <= 0x13) {
    return 'a BSON document; send the bytes of the image alone';
  }
  // https://github.com/msgpack/msgpack/blob/master/spec.md: a map with a name, or binary data
  if (/^(?:[\x81-\x8F]|\xDE..)[\xA1-\xBF][ -~]/s.test(text) || isMessagePackBytes(head, size)) {
    return `${withImage('MessagePack in front of', head)}; send the bytes of the image alone`;
  }
  return undefined;
}

function withImage(what: string, head: Uint8Array): string {
  return `${what} ${imageWithin(head) ?? 'what is sent'}`;
}

function isMessagePackBytes(head: Uint8Array, size: number): boolean {
  const lengths = { 0xc4: 1, 0xc5: 2, 0xc6: 4 } as Record<number, number>;
  const bytes = lengths[head[0]!];
  return (
    bytes !== undefined && head.length > 5 && Buffer.from(head).readUIntBE(1, bytes) === size - 1 - bytes
  );
}
