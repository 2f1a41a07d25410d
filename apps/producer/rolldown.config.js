import { app } from '../../rolldown.shared.js';

export default app({ 'file-loader-worker': 'src/file-loader-worker.ts' });
