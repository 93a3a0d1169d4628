// Probes the machine's devices in a process of its own, whose noise nobody sees.
import { fork } from 'node:child_process';
import { ResourceError } from '../schemas/errors.js';
import type { Devices } from './devices.js';
import { programFile } from './package-root.js';

/** What the machine can compute on. @throws ResourceError where the probe died of it */
export function probeDevicesApart(entry = programFile('probe')): Promise<Devices> {
  return new Promise((resolve, reject) => {
    const probe = fork(entry, [], { stdio: ['ignore', 'ignore', 'ignore', 'ipc'], serialization: 'advanced' });
    probe.once('message', (devices: Devices) => resolve(devices));
    probe.once('error', reject);
    probe.once('exit', (code, signal) => {
      const how = signal === null ? `exit code ${code}` : `signal ${signal}`;
      const text = `Expected ONNX Runtime to tell what it can compute on, its process ended before that (${how}); look at the drivers of this machine's devices.`;
      reject(new ResourceError(text, { code, signal }));
    });
  });
}
