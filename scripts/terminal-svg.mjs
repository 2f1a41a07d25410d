// Draws the text on standard input as a terminal, in SVG on standard output; a run as it was, for the README:
//
//   corepack pnpm --silent demo 2>&1 | node scripts/terminal-svg.mjs > docs/images/demo.svg
import { text } from 'node:stream/consumers';

const [characterWidth, lineHeight, margin, columns] = [8.4, 19, 16, 108];

const lines = (await text(process.stdin))
  .trimEnd()
  .replaceAll(`${process.cwd()}/`, '')
  .split('\n')
  .map((line) => (line.length > columns ? `${line.slice(0, columns - 1)}…` : line));
const width = Math.ceil(columns * characterWidth) + 2 * margin;
const height = lines.length * lineHeight + 2 * margin;

const rows = lines.map((line, index) => {
  const isCommand = line.startsWith('$ ');
  const y = margin + (index + 1) * lineHeight - 5;
  const style = isCommand ? ' fill="#7ee787" font-weight="bold"' : '';
  return `<text x="${margin}" y="${y}"${style} xml:space="preserve">${escaped(line)}</text>`;
});
console.log(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}">
<rect width="100%" height="100%" rx="8" fill="#0d1117"/>
<g fill="#e6edf3" font-family="ui-monospace, Menlo, Consolas, monospace" font-size="14">
${rows.join('\n')}
</g>
</svg>`);

function escaped(line) {
  return line.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
