export function whyInstall(root: string): string | undefined;
export function pinnedNode(root: string): string;
export function whatIsWrong(root: string, found: string | undefined): string | undefined;
