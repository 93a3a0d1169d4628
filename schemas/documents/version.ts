// The document of `assay --version --json`.
import { z } from 'zod';

export const versionDocument = z.strictObject({ version: z.string() });
