import { findInstallation } from './installation.ts';
import { withStartCache } from './start-cache.ts';

/** What takes long the first time counts towards no test. */
export default async function setup(): Promise<void> {
  await withStartCache(await findInstallation());
}
