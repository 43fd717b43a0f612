"""The six numbers at the head of every board: the same queries, so the same label gives the same number."""

from __future__ import annotations

from dashboards.builders.panels import Panel, Place, stat, stats
from dashboards.builders.units import COVERAGE, IN_TIME, PLAIN, SHARE
from dashboards.queries import answers, coverage, messages, share
from dashboards.queries.filters import Filters
from schemas.metric_catalogue import metric

HEADING = "Сейчас · ${coverage}"
#: Ids 1 to 6 on every board.
HEIGHT = 3


def summary(filters: Filters, y: int) -> tuple[Panel, ...]:
    """Messages, share, answers in time, how soon, who waits, coverage."""
    return (
        Panel(
            id=1,
            at=Place(0, y, 4, HEIGHT),
            title=metric("messages").title,
            what="Сколько сообщений пришло за период и как это число изменилось против прошлого периода.",
            to_do="при резком росте откройте темы и территории ниже; при падении до нуля проверьте, что данные полны.",
            queries=(messages.messages(filters),),
            metrics=("messages", "change"),
            body=stat("messages", PLAIN, change="plain"),
        ),
        Panel(
            id=2,
            at=Place(4, y, 4, HEIGHT),
            title=metric("share").title,
            what="Пишут ли жители на официальные страницы или помимо них.",
            to_do="если доля падает, посмотрите, где она ниже всего и на связи ли страницы; «нет данных» значит, что о "
            "сообщениях помимо госпабликов никто не сообщает.",
            queries=(share.share(filters),),
            metrics=("share",),
            body=stat("share", SHARE, change="good"),
        ),
        Panel(
            id=3,
            at=Place(8, y, 4, HEIGHT),
            title=metric("in_time").title,
            what="Держат ли учреждения срок ответа.",
            to_do="ниже 80 % — найдите территории с наименьшей долей и спросите, кто отвечает на сообщения.",
            queries=(answers.in_time(filters),),
            metrics=("in_time",),
            body=stat("in_time", IN_TIME, change="good"),
        ),
        Panel(
            id=4,
            at=Place(12, y, 4, HEIGHT),
            title="Время до ответа",
            what="За сколько часов ответ получают половина жителей и девять из десяти.",
            to_do="если p90 много больше p50, часть сообщений теряется: ищите темы с долгим ожиданием.",
            queries=(answers.how_soon(filters),),
            metrics=("answer_p50", "answer_p90"),
            body=stats("answer_p50", absent="ещё ждут"),
        ),
        Panel(
            id=5,
            at=Place(16, y, 4, HEIGHT),
            title=metric("waiting").title,
            what="Сколько жителей ждут ответа и стало ли их больше.",
            to_do="если растёт быстрее, чем сообщения, — не успевают отвечать: смотрите ожидание по возрасту.",
            queries=(answers.waiting(filters),),
            metrics=("waiting",),
            body=stat("waiting", PLAIN, change="bad"),
        ),
        Panel(
            id=6,
            at=Place(20, y, 4, HEIGHT),
            title=metric("coverage").title,
            what="Какую часть госпабликов охватывают остальные показатели.",
            to_do="если покрытие упало, сначала чините подключение страниц: остальные показатели сейчас неполны.",
            queries=(coverage.coverage(filters),),
            metrics=("coverage", "complete_until"),
            body=stat("coverage", COVERAGE, change="good"),
        ),
    )
