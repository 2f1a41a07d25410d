import { app } from '../../rolldown.shared.js';

export default app();
