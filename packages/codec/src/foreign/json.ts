import { imageName } from './image-names.ts';

/** Base64 of an image that is in a member of JSON, by what its bytes begin with. */
const member = /"([^"\\]{1,50})"\s*:\s*"(?:data:[^",]{0,50},)?([\w+/-]{12,})/g;

/** What a text is that begins as JSON does. */
export function foreignJson(text: string): string | undefined {
  // https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md#4-json-batch-format
  if (/^\[\s*\{/.test(text)) {
    return text.includes('"specversion"')
      ? 'a batch of CloudEvents; send each event in a record of its own'
      : 'a JSON array of objects; send each image in a record of its own';
  }
  // https://github.com/cloudevents/spec/blob/v0.1/spec.md#cloudeventsversion
  if (/"cloudEventsVersion"\s*:/.test(text)) {
    return 'a CloudEvent of version 0.1; only 1.0 is read';
  }
  // https://kafka.apache.org/documentation/#connectconfigs_value.converter, schemas.enable
  if (/^\{\s*"schema"\s*:/.test(text) || (/"schema"\s*:\s*[{n]/.test(text) && text.includes('"payload"'))) {
    return "Kafka Connect's JSON with schema and payload; use org.apache.kafka.connect.converters.ByteArrayConverter";
  }
  // https://docs.confluent.io/platform/current/kafka-rest/api.html#records-v2
  if (/^\{\s*"(?:records|key_schema|value_schema)\w*"\s*:/.test(text)) {
    return 'a request to the Kafka REST Proxy; send it to that';
  }
  // https://nodejs.org/api/buffer.html#buftojson
  if (/^\{\s*"type"\s*:\s*"Buffer"/.test(text)) {
    return 'a Buffer of Node.js as JSON; send the Buffer itself';
  }
  if (/^\{\s*"0"\s*:\s*\d+\s*,\s*"1"\s*:/.test(text)) {
    return 'a byte array of JavaScript as JSON; send the bytes themselves';
  }
  if (/^\{\s*'/.test(text)) {
    return 'a dict of Python as it prints itself, which is no JSON; use json.dumps';
  }
  for (const [, name, base64] of text.matchAll(member)) {
    const image = imageName(Buffer.from(base64!, 'base64'));
    if (image !== undefined) {
      return `JSON with base64 of ${image} in its member '${name}'; send the image's bytes as the value`;
    }
  }
  return undefined;
}

/** JSON of something else, by the first names in it. */
export function membersOf(text: string): string {
  const names = [...text.matchAll(/[{,]\s*"([\w$ .-]{1,40})"\s*:/g)].slice(0, 5).map(([, name]) => name);
  return names.length === 0 ? 'JSON' : `JSON with ${names.join(', ')}`;
}
