/** Whether files could be written, asked without writing one. */
import { isFull } from "./directory.ts";
import { fileStatus, isWritable } from "./file-status.ts";
import { dirName } from "./path.ts";

/** The folder in which a program would write, or make a folder, for the path of one. */
function nearestFolder(path: string): string {
  let folder = path;
  while (folder.includes("/", 1) && fileStatus(folder) === undefined)
    folder = folder.slice(0, folder.lastIndexOf("/"));
  return fileStatus(folder) === undefined ? (path.startsWith("/") ? "/" : ".") : folder;
}

/** Why no file can be made in a folder or, if it is missing, in its nearest parent; undefined if one can. */
export function writeProblem(path: string): string | undefined {
  const folder = nearestFolder(path);
  if (fileStatus(folder)?.isDirectory !== true) return `${folder} is not a folder`;
  if (!isWritable(folder)) return `${folder} is not writable`;
  return isFull(folder) ? `${folder} is on a full file system` : undefined;
}

/** The same for a folder that podwire alone keeps: what stands in its place gives way unless it holds data (own-file.ts). */
export function ownFolderProblem(path: string): string | undefined {
  const status = fileStatus(path);
  if (status?.isFile === true && status.size > 0n) return `${path} is a file that holds data`;
  return writeProblem(status?.isDirectory === true ? path : dirName(path));
}
