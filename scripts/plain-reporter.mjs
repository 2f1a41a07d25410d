// Ends a test run with one line in plain text, whatever the terminal: `N passed, N failed`.
export default class PlainReporter {
  onTestRunEnd(modules, unhandledErrors) {
    const count = { passed: 0, failed: unhandledErrors.length, skipped: 0 };
    for (const module of modules) {
      // A file that could not be loaded holds no test that could fail.
      count.failed += module.state() === 'failed' && module.errors().length > 0 ? 1 : 0;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        count[state in count ? state : 'skipped'] += 1;
      }
    }
    const { passed, failed, skipped } = count;
    process.on('exit', () => {
      console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
    });
  }
}
