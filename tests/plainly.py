"""What pipelines of the corpus come to, reckoned in plain Python: for each a function of the pipeline's parameters.

It gives outputs by task, without "root/"; those of "" are the pipeline's own. A task of a loop has its round in its
path. What is not listed is not compared; a task that is None did not run.
"""

import math
from collections import Counter
from statistics import mean

Outputs = dict[str, object]


def steps_and_values(wine: str, points: list, weights: dict) -> dict[str, Outputs]:
    shares = [weights.get(str(place), 1) for place in range(len(points))]
    value = round(sum(a * b for a, b in zip(shares, points, strict=True)) / sum(shares), 2)
    said = "disputed" if max(points) - min(points) > 10 else "gold" if value >= 90 else "none"
    return {"weigh": {"Output": value}, "": {"Output": f"{wine}: {said}"}}


def several_outputs(degrees: list) -> dict[str, Outputs]:
    low, high = min(degrees), max(degrees)
    hours = [degrees.index(low), degrees.index(high)]
    return {
        "extremes": {"coldest": low, "warmest": high, "hours": hours},
        "report": {"Output": f"{high - low:g} degrees between {hours[0]}:00 and {hours[1]}:00"},
    }


def artifacts_of_every_kind(count: int) -> dict[str, Outputs]:
    days = [7 + number * 5 % 21 for number in range(count)]
    late = sum(day > 14 for day in days)
    right = late if mean(days) > 14 else count - late
    return {"judge": {"Output": right / count}, "learn": {"metrics": {"mean_days": mean(days), "loans": count}}}


def returned_artifacts(count: int) -> dict[str, Outputs]:
    return {"": {"Output": 2 * sum(number * 7 % 5 for number in range(count))}}


def lists_of_artifacts() -> dict[str, Outputs]:
    return {"": {"Output": 100 * len("North" + "Hill" + "Riverside")}}


def defaults_and_optional_inputs(last: int) -> dict[str, Outputs]:
    hours = list(range(6, last + 1, 2))
    said = f"{len(hours)} crossings of 40 minutes, harbour to island, no cars"
    return {"departures": {"Output": hours}, "": {"Output": said}}


def branches_and_one_of(second: int) -> dict[str, Outputs]:
    assert 30 <= second < 34
    return {"lamp": {"Output": "amber"}, "tell": {"Output": "BRAKE"}, "": {"Output": "brake"}}


def one_of_artifacts(boxes: list) -> dict[str, Outputs]:
    assert sum(boxes) >= 100
    return {"publish": {"Output": f"{sum(boxes)} pages, scanned"}}


def conditions_within_conditions(upper: float, lower: float, boats: list, night: bool) -> dict[str, Outputs]:
    assert night and upper - lower > 0.5 and len(boats) >= 2
    return {
        "level": {"Output": upper - lower},
        "check": {"Output": True},
        "condition-1/gate": {"Output": f"fill for {len(boats)}"},
        "condition-1/condition-2/gate-2": {"Output": f"open for {len(boats)}"},
        "condition-1/condition-2/condition-3/gate-3": {"Output": "light for 0"},
        "condition-5/gate-5": {"Output": "greet for 0"},
        "condition-6/condition-branches-7/condition-9/gate-7": {"Output": "hold for 0"},
    }


def loop_over_items(degrees: int) -> dict[str, Outputs]:
    flours = ["rye", "wheat", "spelt"]
    loaves = [f"{flour} loaf after {30 + 10 * len(flour)} minutes, at {degrees}" for flour in flours]
    return {"count": {"Output": 3}, "": {"Output": loaves}}


def loop_over_fields(trains: list) -> dict[str, Outputs]:
    spoken = [f"train {number} at {time} from track 1" for number, time in (("7", "06:10"), ("9", "07:40"))]
    (extra,) = trains
    return {
        "timetable": {"Output": "; ".join(spoken)},
        "for-loop-2/1/seats": {"Output": 80 * len("abc") + 3},
        "for-loop-3/0/announce-2": {"Output": f"train {extra['number']} at {extra['time']} from track 2"},
    }


def loop_over_outputs(sightings: list) -> dict[str, Outputs]:
    names = sorted(set(sightings))
    dry = [{"bird": name} for name in names if len(name) <= 5]
    return {
        "places": {"wet": [name for name in names if len(name) > 5], "dry": dry},
        "": {"Output": len(sightings)},
        "for-loop-5/0/band": {"Output": 100 * len(names[0]) + 1},
        "for-loop-4/1/look-3": {"Output": f"look at {dry[1]['bird']}"},
    }


def loop_over_artifacts(titles: list) -> dict[str, Outputs]:
    return {"": {"Output": sum(10 * len(title) for title in titles) + 15 * (len(titles) - 1)}}


def loops_within_loops(metres: int) -> dict[str, Outputs]:
    return {"": {"Output": min(metres / (3.0 + seats / 2) for seats in (2, 4))}}


def collected_by_a_pipeline(line: str) -> dict[str, Outputs]:
    return {"": {"Output": f"2 sheets: {line} (Danish) / {line} (Welsh)"}}


def exit_handler(metres: int) -> dict[str, Outputs]:
    said = "Hohenpeissenberg hears SUCCEEDED of exit-handler-1"
    degrees = 15.0 - metres / 150
    return {
        "hear": {"Output": said},
        "exit-handler-1/rise": {"Output": degrees},
        "exit-handler-1/freeze": {"Output": "ice" if degrees < 0 else "rain"},
    }


def ignored_failures(light: int, words: str) -> dict[str, Outputs]:
    assert light > 3
    return {"write": {"Output": f"{words} (harbour.png)"}, "stamp": {"Output": 95}}


def pipelines_within(items: list) -> dict[str, Outputs]:
    first, second = (4 * (len(items) * 10 - abs(30 - minutes)) for minutes in (30, 45))
    return {
        "kitchen/tasting/taste": {"Output": first},
        "kitchen-2/tasting/taste": {"Output": second},
        "": {"Output": "first" if first >= second else "second"},
    }


def outputs_of_a_pipeline(coins: dict) -> dict[str, Outputs]:
    worth = sum((2000 - int(year)) * count for year, count in coins.items())
    return {"": {"oldest": min(map(int, coins)), "worth": worth / 100}, "value": {"metrics": {"worth": worth}}}


def retries(hertz: float) -> dict[str, Outputs]:
    return {"": {"Output": 3 * hertz}}


def environment_variables(name: str) -> dict[str, Outputs]:
    said = f'{name} blinks 3 times, red & "white"'
    return {"blink": {"Output": said}, "": {"Output": len(said)}}


def placeholders(author: str) -> dict[str, Outputs]:
    return {"note": {"Output": {"task": "note", "begun": "20", "all": True}}, "": {"Output": f"closed by {author}"}}


def paths_of_inputs_and_outputs(threads: int) -> dict[str, Outputs]:
    return {"draw": {"knots": 2 * threads}, "": {"Output": 2 * threads + 2 * threads}}


def functions_beside(board: str) -> dict[str, Outputs]:
    worth = {"q": 9, "r": 5, "b": 3, "n": 3, "p": 1}
    points = sum(worth.get(piece.lower(), 0) * (1 if piece.isupper() else -1) for piece in board)
    return {"balance": {"Output": points}, "": {"Output": "White" if points > 0 else "Black"}}


def texts_of_values(day: int, name: str) -> dict[str, Outputs]:
    assert day % 2
    said = f"Dear {name}, fog and waves of {day % 5} at Bell Rock on day {day}."
    return {"letter": {"Output": len(said)}, "": {"Output": len("Bell Rock") + 3 + 3}}


def groups_within_groups(limit: int) -> dict[str, Outputs]:
    rounds = {}
    for number, parcel in enumerate(["drum", "harp", "triangle"]):
        said = f"{parcel} {'lifted' if len(parcel) > limit else 'carried'}"
        rounds[f"exit-handler-1/for-loop-3/{number}/stick"] = {"Output": said.split()[1]}
        rounds[f"exit-handler-1/for-loop-3/{number}/weigh-2"] = {"Output": len(said)}
    return rounds


def traffic_counts(day: int) -> dict[str, Outputs]:
    cars = [(hour * day) % 90 for hour in range(24)]
    rush, usual = sum(cars[7:10]), mean([*cars[:7], *cars[10:]])
    return {"rush-hour": {"Output": rush}, "usual-hour": {"Output": usual}, "": {"Output": rush / 3 > 1.2 * usual}}


def weather_stations(month: int) -> dict[str, Outputs]:
    rain = {name: len(name) * month % 50 for name in ("Zugspitze", "Arkona", "Aachen")}
    most = max(rain, key=rain.get)
    return {"": {"Output": f"{most}: {rain[most]} mm"}}


def traffic_light(hour: int, waiting: int) -> dict[str, Outputs]:
    assert waiting > 10
    return {"board": {"Output": f"{hour:02}h: 60 s"}}


def bakery_orders(orders: list, guest: str) -> dict[str, Outputs]:
    kinds = Counter(orders)
    euros = round(sum({"roll": 0.4, "loaf": 3.2}[kind] * count for kind, count in kinds.items()), 2)
    return {
        "add-up": {"kinds": dict(kinds), "pieces": len(orders), "euros": euros},
        "bill": {"metrics": {"euros": euros}},
        "pack": {"Output": math.ceil(len(orders) / 6)},
    }


def night_train(city: str) -> dict[str, Outputs]:
    hours, minutes = divmod(22 * 60 + 60 * len(city) + 25, 60)
    return {"exit-handler-1/arrive": {"Output": f"{hours % 24:02}:{minutes:02}"}}


def marathon(runners: list) -> dict[str, Outputs]:
    paces = [300 + 10 * len(name) for name in runners]
    half, full = (min(kilometres * pace for pace in paces) for kilometres in (21.1, 42.2))
    return {"heat/first": {"Output": half}, "record": {"Output": full < 2.1 * half}}


def tide_table(hours: int) -> dict[str, Outputs]:
    heights = [round(1.5 * math.cos(2 * math.pi * hour / 12.42), 2) for hour in range(hours)]
    floods = {name: sum(each > mark for each in heights) for name, mark in (("quay", 1.0), ("road", 1.4))}
    return {"floods": {"Output": floods}, "": {"Output": "on"}}


def recipe_book(dishes: list) -> dict[str, Outputs]:
    titles = [dish.title() for dish in dishes]
    return {"bind": {"Output": titles}, "": {"Output": ", ".join(sorted(titles))}}


def glacier(since: int) -> dict[str, Outputs]:
    assert since == 1950
    return {"": {"Output": 188.0 - 141.5}}


def coffee_prices(kilograms: float) -> dict[str, Outputs]:
    return {"price": {"cups": int(round(kilograms * 0.85, 2) * 120)}}


def bus_delays(stops: list, delays: dict, rain: bool, line: str, limit: int) -> dict[str, Outputs]:
    late = [delays.get(stop, {"4": 12, "17": 3}[line]) * (1 + rain) for stop in stops]
    return {"post": {"numbers": {"late": sum(minutes > limit for minutes in late)}}}


def honey_harvest(hives: int) -> dict[str, Outputs]:
    return {"spin-fill": {"jars": hives * 9 * 1.75}}


def book_reviews(reviews: list, least: int, generous: int) -> dict[str, Outputs]:
    found = " ".join(reviews).lower().replace(",", "").split()
    return {"grade": {"stars": min(5, max(least, found.count("good") + found.count("great")))}}


def bicycle_rentals(days: list, sunshine: float) -> dict[str, Outputs]:
    return {"foresee": {"bicycles": mean(days) * (1 + sunshine / 10)}, "learn": {"scores": {"mean": mean(days)}}}


def star_catalogue(nights: int, words: str) -> dict[str, Outputs]:
    return {"log": {"entry": words.upper()}}


def marked_and_decorated(bulbs: int) -> dict[str, Outputs]:
    return {f"for-loop-2/{number}/bloom": {"Output": bulbs if number else 0} for number in range(3)}


def launched_all_of_1_3_4(letters: int, districts: int) -> dict[str, Outputs]:
    return {"deliver": {"Output": min(letters, 7) == districts, "metrics": {"districts": min(letters, 7)}}}


def kubeflow_cells_of_1_0(tram: int) -> dict[str, Outputs]:
    return {"plan-trams": {"Output": (tram * 100 + 3) // 80}}


RECKONED = {name: value for name, value in globals().items() if callable(value) and value.__module__ == __name__}
