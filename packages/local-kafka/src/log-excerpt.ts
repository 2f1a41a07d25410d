import { readFile } from 'node:fs/promises';

const MAX_LINES = 8;

/** The lines of a log file that say why the program failed, without stack traces and repetitions. */
export async function readCause(logFile: string): Promise<string> {
  const lines = (await readFile(logFile, 'utf8')).split('\n').filter((line) => line.trim() !== '');
  const causes = lines.filter(namesCause).map(withoutTimestamp);
  // A program that fails in an unforeseen way still says so in its last lines.
  const excerpt = causes.length > 0 ? [...new Set(causes)] : lines;
  return excerpt.slice(-MAX_LINES).join('\n');
}

function namesCause(line: string): boolean {
  const isStackFrame = /^\s+(?:at |\.\.\. \d+ more)/.test(line);
  return !isStackFrame && /\b(?:ERROR|FATAL)\b|(?:Exception|Error)\b/.test(line);
}

function withoutTimestamp(line: string): string {
  return line.replace(/^\[[\d ,:-]+\] /, '');
}
