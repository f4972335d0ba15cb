/** Path of a variable or of a value within one, such as `0.variables.input.file`. */
const variablePath = /^(?:\d{1,2}\.)?variables(?:\.\w{1,64}){1,8}$/;

/**
 * Reads the `map` field of a multipart request.
 * @returns the paths at which it places files, each once a file; none if it is not JSON, which the library rejects
 * @throws Error if a path does not lead to a variable, or leads into another file
 */
export function readMapPaths(map: string): string[] {
  const paths = parse(map).filter((path) => typeof path === 'string');
  if (!paths.every(isSafePath)) throw new Error("Every path in 'map' must name a variable.");
  const distinct = new Set(paths);
  if (paths.some((path) => parentsOf(path).some((parent) => distinct.has(parent))))
    throw new Error("A path in 'map' must not lead into another file.");
  return paths;
}

/**
 * Returns the paths of a map if each belongs to one file.
 * @throws Error if two files have the same path
 */
export function exclusivePaths(paths: readonly string[]): readonly string[] {
  if (new Set(paths).size < paths.length) throw new Error("A variable in 'map' must belong to one file.");
  return paths;
}

/** Returns the paths that lead to a path; it has at most ten names. */
function parentsOf(path: string): string[] {
  const names = path.split('.');
  return names.slice(1).map((_, n) => names.slice(0, n + 1).join('.'));
}

function parse(map: string): unknown[] {
  try {
    const files = Object.values(JSON.parse(map) as Record<string, unknown>);
    return files.flatMap((paths) => [...new Set([paths].flat())]);
  } catch {
    return [];
  }
}

/** Rejects names of inherited properties: the library would follow such a path into a prototype. */
function isSafePath(path: string): boolean {
  const isInherited = (name: string) => name in Object.prototype || name in Array.prototype || name in String.prototype;
  return variablePath.test(path) && !path.split('.').some((name) => !/^\d+$/.test(name) && isInherited(name));
}

/** Replaces the value at a path; the path must exist. */
export function replaceAt<Value>(holder: object, path: string, replace: (value: Value) => unknown): void {
  const names = path.split('.');
  const last = names.pop() ?? '';
  const parent = names.reduce<unknown>((value, name) => (value as Record<string, unknown>)[name], holder);
  const fields = parent as Record<string, unknown>;
  fields[last] = replace(fields[last] as Value);
}
