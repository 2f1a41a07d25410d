import { expect, test } from 'vitest';
import { createLogger, logLevels } from './log.ts';
import type { LogLevel } from './log.ts';

const text = { isJson: false, colorize: false };

async function linesAt(level: LogLevel): Promise<string[]> {
  const lines: string[] = [];
  const logger = await createLogger(level, (line) => lines.push(line), text);
  logger.error('an error');
  logger.warn('a warning');
  logger.info('news');
  logger.debug('details');
  logger.trace('everything');
  return lines;
}

test('a line has time, level and message', async () => {
  const [line] = await linesAt('error');
  expect(line).toMatch(/^\[\d\d:\d\d:\d\d\] ERROR: an error\n$/);
});

test.each(logLevels.map((level, index) => [level, index] as const))(
  '%s shows %d levels',
  async (level, count) => {
    expect(await linesAt(level)).toHaveLength(count);
  },
);

test('an entry with fields is one line', async () => {
  const lines: string[] = [];
  (await createLogger('info', (line) => lines.push(line), text)).info(
    { topic: 'pictures', partition: 0 },
    'gone',
  );
  expect(lines.join('')).toMatch(/INFO: gone \{"topic":"pictures","partition":0\}\n$/);
});

test('colors come with terminals only', async () => {
  const lines: string[] = [];
  (await createLogger('info', (line) => lines.push(line), { ...text, colorize: true })).info('news');
  expect(lines.join('')).toContain('\u001B[');
  expect((await linesAt('info')).join('')).not.toContain('\u001B[');
});

test('as JSON, an entry is what pino makes of it', async () => {
  const lines: string[] = [];
  (await createLogger('info', (line) => lines.push(line), { ...text, isJson: true })).info(
    { topic: 'pictures' },
    'gone',
  );
  expect(lines).toHaveLength(1);
  expect(JSON.parse(lines[0]!)).toMatchObject({
    level: 30,
    time: expect.any(Number),
    topic: 'pictures',
    msg: 'gone',
  });
});
