import { spawnSync } from 'node:child_process';
import { chromium } from 'playwright-core';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { onTestFinished } from 'vitest';

/** Debian's package; others have other names. */
const chromiumPath = ['chromium', 'chromium-browser', 'google-chrome'].find(
  (name) => spawnSync(name, ['--version']).status === 0,
);

/** Undefined where this machine has a browser; else why tests with one are skipped. */
export const noBrowser =
  chromiumPath === undefined
    ? 'skipped: there is no Chromium on this machine (apt install chromium)'
    : undefined;

let browser: Promise<Browser> | undefined;

/** For the end of a file that opens pages. */
export async function closeBrowser(): Promise<void> {
  await (await browser)?.close();
  browser = undefined;
}

/** A page with nothing from before, and what went wrong in it: its errors, and violations of its policy. */
export async function openPage(
  url: string,
  options: BrowserContextOptions = {},
): Promise<{ readonly page: Page; readonly errors: string[] }> {
  const executablePath = spawnSync('which', [chromiumPath!]).stdout.toString().trim();
  browser ??= chromium.launch({ executablePath });
  const context = await (await browser).newContext(options);
  onTestFinished(() => context.close());
  const page = await context.newPage();
  const errors: string[] = [];
  page.on('pageerror', ({ message }) => errors.push(message));
  page.on('console', (message) => {
    if (message.type() === 'error') {
      errors.push(message.text());
    }
  });
  await page.goto(url);
  return { page, errors };
}
