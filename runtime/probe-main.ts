// Program `probe`: what this machine can compute on, sent to the process that started it. A process of its own, because libraries of
// devices write to its streams as they like, and some end it.
import { probeDevices } from './devices.js';

process.send?.(await probeDevices(), () => process.disconnect());
