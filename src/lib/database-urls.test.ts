import { expect, it } from "vitest";
import { databaseUrls } from "./database-urls.ts";

it.each([
  ["postgres://a/hub", ["postgres://a/hub"]],
  [
    "postgresql://me:p%40ss@[::1]:5433/hub?sslmode=require",
    ["postgresql://me:p%40ss@[::1]:5433/hub?sslmode=require"],
  ],
  ["postgres://me:x@a:5433,b/hub", ["postgres://me:x@a:5433/hub", "postgres://me:x@b/hub"]],
  [
    "postgres://a,b/hub?sslmode=require&target_session_attrs=read-write",
    ["postgres://a/hub?sslmode=require", "postgres://b/hub?sslmode=require"],
  ],
])("reads %s", (text, urls) => {
  expect(databaseUrls(text)).toEqual(urls);
});

it.each([
  ["mysql://a/hub"],
  ["postgres://"],
  ["postgres://a,,b/hub"],
  ["postgres://a:99999,b/hub"],
  ["postgres://a,b/hub?target_session_attrs=standby"],
  ["a:5432/hub"],
])("refuses %s", (text) => {
  expect(databaseUrls(text)).toBeUndefined();
});
