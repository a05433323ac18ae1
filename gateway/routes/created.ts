/** 201 where a request made something, 200 where it was there already: routes answer `created` beside what they show. */
export function created(answer: object): 200 | 201 {
  return "created" in answer && answer.created === true ? 201 : 200;
}
