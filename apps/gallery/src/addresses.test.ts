import type { networkInterfaces } from 'node:os';
import { expect, test } from 'vitest';
import { addressesOf } from './addresses.ts';

const interfaces = {
  lo: [one('IPv4', '127.0.0.1', true), one('IPv6', '::1', true)],
  eth0: [one('IPv4', '192.0.2.7'), one('IPv6', '2001:db8::7'), one('IPv6', 'fe80::7')],
} as unknown as ReturnType<typeof networkInterfaces>;

test.each([
  ['http://127.0.0.1:8080', '/', 'http://localhost:8080', []],
  ['http://[::1]:8080', '/a/', 'http://[::1]:8080/a/', []],
  ['http://192.0.2.7:80', '/', 'http://192.0.2.7', ['http://192.0.2.7']],
  ['http://0.0.0.0:8080', '/a/', 'http://localhost:8080/a/', ['http://192.0.2.7:8080/a/']],
  ['http://[::]:8080', '/', 'http://localhost:8080', ['http://192.0.2.7:8080', 'http://[2001:db8::7]:8080']],
])('%s with the base path %s is opened on %s', (listening, basePath, here, elsewhere) => {
  expect(addressesOf(listening, basePath, interfaces)).toEqual({ here, elsewhere });
});

function one(family: 'IPv4' | 'IPv6', address: string, internal = false) {
  return { family, address, internal };
}
