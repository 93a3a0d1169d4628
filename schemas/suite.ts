// The stored form of a suite: `runs/<suite>/<revision>/suite.json`. Its members are made of it one at a time.
import { z } from 'zod';
import { count } from './stored-shapes.js';

export const suiteRecord = z.strictObject({
  formatVersion: z.literal(1),
  kind: z.literal('suite'),
  name: z.string(),
  revision: count,
  createdMs: z.number(),
  hostId: z.string().describe('whose files the members are read from'),
  folder: z.string().describe("folder from which the members' relative paths start"),
  template: z.record(z.string(), z.unknown()).describe('the file as plain data, with its matrix and placeholders'),
  members: z.number().int().positive(),
  parallel: z.number().int().positive(),
  limitDocuments: z.number().int().positive().nullable(),
  until: z.string().nullable().describe('last stage to do; null: all'),
});
export type SuiteRecord = z.infer<typeof suiteRecord>;
