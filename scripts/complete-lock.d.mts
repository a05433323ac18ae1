type Packages = Record<string, { version?: string; optionalDependencies?: Record<string, string> }>;
export function missingFromLock(packages: Packages): [name: string, version: string][];
export function platformEntry(name: string, version: string): object;
