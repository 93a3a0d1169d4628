// `assay doctor`: what is there and what to do about what is not.
import { defineCommand } from '../command.js';

export const doctor = defineCommand({
  arguments: '',
  description: 'check versions, devices, the store (by a probe that writes and deletes) and Temporal',
  examples: [
    ['assay doctor', 'exit code 1 when something that is needed is missing'],
    ['assay doctor --store s3://bucket/prefix', 'is this store good enough?'],
  ],
  request: () => null,
  run: async (_, context) => (await import('../orchestration/doctor.js')).doctor(context),
});
